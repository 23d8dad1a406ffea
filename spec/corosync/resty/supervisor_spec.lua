-- The supervisor of light threads, without nginx.
local NAME = "corosync.resty.supervisor"

describe("the supervisor", function()
  local before = rawget(_G, "ngx")
  local supervisor, look

  before_each(function()
    rawset(_G, "ngx", { timer = { every = function(_, f) look = f return true end } })
    package.loaded[NAME] = nil
    supervisor = require(NAME)
  end)

  after_each(function()
    package.loaded[NAME] = nil
    rawset(_G, "ngx", before)
  end)

  it("checks each record once, even if others are added meanwhile", function()
    local counts, has_added = {}, false
    for i = 1, 40 do
      counts[i] = 0
      supervisor.add({}, { ensure = function()
        counts[i] = counts[i] + 1
        for _ = 1, has_added and 0 or 100 do supervisor.add({}, { ensure = function() end }) end
        has_added = true
      end })
    end
    look(false)
    assert.equal(("1 "):rep(39) .. "1", table.concat(counts, " "))
  end)

  it("skips a record that another one has removed", function()
    local records, seen = { {}, {} }, 0
    for i, record in ipairs(records) do
      supervisor.add(record, { leave_at_exit = function()
        seen = seen + 1
        supervisor.remove(records[3 - i])
      end })
    end
    look(true)
    assert.equal(1, seen)
  end)
end)
