local handover = require "corosync.replica.handover"

describe("the end of a reload", function()
  it("reaches each replica once, although their functions make others", function()
    local all, turns = {}, {}
    local function add(name, turn)
      all[#all + 1] = { name = name, is_closed = false, turn = turn }
      handover.add(all[#all])
    end
    for i = 1, 5 do
      add("spec-handover-" .. i, function()
        turns[#turns + 1] = i
        for j = 1, 20 do add(("spec-handover-%d.%d"):format(i, j), function() turns[#turns + 1] = "new" end) end
      end)
    end
    handover.finish()
    for _, each in ipairs(all) do each.is_closed = true end
    table.sort(turns)
    assert.same({ 1, 2, 3, 4, 5 }, turns)
  end)
end)
