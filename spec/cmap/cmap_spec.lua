local cmap = require "corosync.cmap"
local handles = require "spec.helpers.handles"
local maps = require "spec.helpers.maps"
local process = require "spec_process"

local open, new_key, recorder = maps.open, maps.new_key, maps.recorder

local dispatch_until, fails, codes = handles.dispatch_until, handles.fails, handles.codes

after_each(maps.clean)

local METHODS = { "dispatch", "receive", "fetch", "wait", "fd", "each" }
local KEY_METHODS = { "get", "delete", "increment", "decrement", "track" }

-- The code of each method, by name.
local function all_codes(map, key)
  local answers = codes(map, METHODS)
  for _, method in ipairs(KEY_METHODS) do
    answers[method] = select(3, map[method](map, key)) or "none"
  end
  answers.set = select(3, map:set(key, 1, "u8")) or "none"
  return answers
end

describe("cmap.open", function()
  it("opens the configuration map by default", function()
    assert.equal("lab", open():get "totem.cluster_name")
    assert.equal("lab", open("icmap"):get "totem.cluster_name")
    assert.equal("lab", open(nil, {}):get "totem.cluster_name")
  end)

  it("raises for unknown maps and fields and for wrong types, naming them", function()
    assert.error_matches(function() cmap.open "icmpa" end, "icmpa")
    assert.error_matches(function() cmap.open {} end, "string expected")
    assert.error_matches(function() cmap.open("icmap", { erorr = print }) end, "unknown field 'erorr'")
    assert.error_matches(function() cmap.open("icmap", { error = 1 }) end, "'error'")
    assert.error_matches(function() cmap.open("icmap", 1) end, "table expected")
  end)

  it("fails with a hint when Corosync is not running", function()
    local script = [[local _, message, code = require("corosync.cmap").open() print(message) print(code)]]
    local pipe = io.popen(("unshare -n %s -e '%s'"):format(os.getenv("LUA"):match "%S+$", script))
    local message, code = pipe:read("*l"), pipe:read("*l")
    pipe:close()
    assert.matches("cannot reach Corosync's cmap service: Corosync is not running: start it", message, 1, true)
    assert.equal("not_connected", code)
  end)
end)

describe("two cmap handles", function()
  it("report each other's changes", function()
    local one, record, track = recorder()
    local other, other_record, other_track = recorder()
    local key = new_key()
    track(key)
    other_track(key)
    assert(one:set(key, 1, "u8"))
    assert(other:set(key, 2))
    dispatch_until(one, function() return #record == 2 end)
    dispatch_until(other, function() return #other_record == 2 end)
    assert.same(record, other_record)
    assert.is_true(one:close())
    assert(other:set(key, 3))
    dispatch_until(other, function() return #other_record == 3 end)
    assert.equal(2, #record)
  end)

  it("can be dispatched and closed in each other's handlers", function()
    local one, other, seen = open(), open(), {}
    local key = new_key()
    assert(other:track(key, function(_, _, new) seen[#seen + 1] = "other " .. new end))
    assert(one:track(key, function(_, _, new)
      seen[#seen + 1] = "one " .. new
      dispatch_until(other, function() return #seen > 1 end)
      other:close()
    end))
    assert(one:set(key, 1, "u8"))
    dispatch_until(one, function() return #seen == 2 end)
    assert.same({ "one 1", "other 1" }, seen)
    fails("closed", other:dispatch())
  end)
end)

describe("a closed map", function()
  it("fails with closed in every method that needs the connection", function()
    local map = open()
    assert.is_true(map:close())
    assert.is_true(map:close())
    local answers, count = all_codes(map, new_key()), 0
    for method, code in pairs(answers) do
      assert.equal("closed", code, method)
      count = count + 1
    end
    assert.equal(12, count)
    assert.matches("^corosync.cmap %(closed%)", tostring(map))
  end)

  it("results from leaving the scope of a <close> variable", function()
    if _VERSION < "Lua 5.4" then
      return pending "no to-be-closed variables here"
    end
    local chunk = assert(load "local open = ... local map <close> = open() return map")
    assert.matches("closed", tostring(chunk(open)))
  end)
end)

describe("a map in a forked child", function()
  it("fails in every method; the parent's connection still works after the child ends", function()
    local map, record, track = recorder()
    local key = new_key()
    local tracker = track(key)
    local weak = setmetatable({ [map] = true }, { __mode = "k" })
    -- It has the map, too.
    track = nil -- luacheck: ignore 311
    assert(map:set(key, 1, "u8"))
    assert(map:fetch(60))
    local status = process.fork(function()
      local count = 0
      for _, code in pairs(all_codes(map, key)) do
        if code ~= "wrong_process" then
          return false
        end
        count = count + 1
      end
      local refused = select(3, tracker:cancel()) == "wrong_process" and select(3, map:close()) == "wrong_process"
        and tostring(tracker):find "tracking"
      map, tracker, handles.made = nil, nil, nil
      collectgarbage()
      collectgarbage()
      return refused and count == 12 and next(weak) == nil
    end)
    assert.equal(0, status)
    assert(map:set(key, 2))
    dispatch_until(map, function() return #record == 2 end)
    assert.same({ 1, 2 }, { record[1].new, record[2].new })
    assert.is_true(tracker:cancel())
  end)
end)
