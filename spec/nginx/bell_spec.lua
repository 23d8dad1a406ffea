-- Bells between processes, here of one process.
local core = require "corosync.core"
local handles = require "spec.helpers.handles"
local workers = require "corosync.resty.node.workers"

local function open(name)
  return handles.keep(assert(core.bell(name)))
end

after_each(handles.close_all)

describe("a bell", function()
  it("is rung by its name, as long as it is open", function()
    local ringer, rung = open(), open()
    assert.is_true(ringer:ring(rung:name()))
    rung:close()
    assert.is_false(ringer:ring(rung:name()))
  end)

  it("has a name that no other has until it is closed", function()
    local bell = open()
    local message = handles.fails("exist", core.bell(bell:name()))
    assert.equal("cannot make a bell: another process has that name", message)
    bell:close()
    assert.equal(bell:name(), open(bell:name()):name())
  end)

  it("cannot ring once it is closed, nor has a descriptor", function()
    local bell, other = open(), open()
    bell:close()
    bell:close()
    local message = handles.fails("closed", bell:ring(other:name()))
    assert.equal("cannot ring a bell: the handle is closed", message)
    handles.fails("closed", bell:fd())
    bell:silence()
  end)
end)

it("a worker whose own bell is closed does not take the others for ended", function()
  local values, own, other = {}, open(), open()
  local dict = {}
  function dict.get(_, key) return values[key] end
  function dict.safe_set(_, key, value) values[key] = value return true end
  function dict.safe_add(_, key, value)
    if values[key] then return false, "exists" end
    return dict.safe_set(dict, key, value)
  end
  function dict.delete(_, key) values[key] = nil end
  local store = { dict = dict }
  function store.key(_, what, number) return what .. (number or "") end
  function store.next(_, key) values[key] = (values[key] or 0) + 1 return true end
  assert(workers.new(store):add(other, other))
  local asking = workers.new(store)
  own:close()
  asking:ring(own, "messages")
  assert.equal(1, asking:count())
  asking:ring(open(), "messages")
  assert.equal(1, asking:count())
  other:close()
  asking:ring(open(), "messages")
  assert.equal(0, asking:count())
end)

it("a pollset that is closed has no descriptor and follows none", function()
  local pollset = handles.keep(core.pollset())
  pollset:close()
  handles.fails("closed", pollset:fd())
  handles.fails("closed", pollset:wait(0))
  handles.fails("closed", pollset:follow())
end)
