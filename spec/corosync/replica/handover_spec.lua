local handover = require "corosync.replica.handover"
local replicas = require "spec.helpers.replicas"

local unpack = table.unpack or unpack -- luacheck: ignore 113

describe("a reload", function()
  after_each(replicas.clean)

  it("takes over machines that another one's functions define", function()
    local _, app = replicas.listed()
    local member, names = replicas.member(app), {}
    replicas.ready(app)
    handover.begin()
    member.handover.is_adopted = true
    replicas.list(app, "defining", { initial = function()
      for i = 1, 30 do
        names[i] = "defined " .. i
        replicas.list(app, names[i])
      end
      replicas.list(app) -- defined by the earlier script, too
      return {}
    end })
    handover.prepare()
    handover.commit()
    handover.finish()
    for _, name in ipairs { "defining", "list", unpack(names) } do
      assert.is_table(member.machines.by_name[name].methods, name)
    end
  end)

  it("reports the new script's first call that cannot wait, too", function()
    local problems = {}
    local app = replicas.new { error = function(message) table.insert(problems, message) end }
    local function define()
      local list
      list = replicas.list(app, "list", { changed = function() list:submit "never" end })
      return list
    end
    local list = define()
    for _ = 1, 2 do assert(list:submit "of the earlier one") end
    assert.equal(1, #problems)
    handover.begin()
    replicas.member(app).handover.is_adopted = true
    list = define()
    handover.prepare()
    handover.commit()
    handover.finish()
    for _ = 1, 2 do assert(list:submit "of the new one") end
    assert.equal(2, #problems)
    assert.matches("^cannot submit to machine 'list' .*in a coroutine", problems[2])
  end)
end)

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
