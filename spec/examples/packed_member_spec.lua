-- examples/packed_member.c: a C program, without the binding, in a group whose Lua members pack.
local files = require "spec.helpers.files"
local handles = require "spec.helpers.handles"
local program = require "spec.helpers.program"

local BUILT = ("build/%s/spec/packed_member"):format(os.getenv "LUA_VERSION")
local MESSAGES = "\147LCP\1\0\0\0" -- a frame's header
local PIECE = "\147LCP\1\1\0\0"

local function u32(number)
  return string.char(number % 256, math.floor(number / 256) % 256, math.floor(number / 65536) % 256,
    math.floor(number / 16777216))
end

local function with_length(message)
  return u32(#message) .. message
end

describe("examples/packed_member.c", function()
  after_each(function()
    program.clean()
    handles.close_all()
  end)

  -- A Lua member, what it has received, and the program once it has joined.
  local function group(pack, path)
    local name = handles.group_name()
    local lua, seen = handles.member(name, { pack = pack })
    local it = program.start(path or BUILT, name)
    handles.dispatch_until(lua, function()
      assert(not it.exited, table.concat(it.errors, "\n"))
      return #seen.configs == 2
    end)
    return lua, seen, it
  end

  local function send_all(lua, from, upto)
    for number = from, upto do
      handles.send(lua, tostring(number))
    end
    assert(lua:flush())
  end

  -- All that has arrived, as the program prints it.
  local function printed(seen)
    local lines = {}
    for i, message in ipairs(seen.messages) do
      lines[i] = ("%s %s"):format(tostring(message[1]), message[2])
    end
    return lines
  end

  -- Waits until both have received so many messages, and expects them to be the same.
  local function same_order(lua, seen, it, count)
    handles.dispatch_until(lua, function() return #seen.messages >= count end)
    local last = printed(seen)[count]
    program.line(it, "^" .. last .. "$")
    assert.same(printed(seen), it.lines)
    assert.equal(count, #it.lines)
  end

  it("exchanges messages with Lua members, in one order", function()
    local lua, seen, it = group(true)
    local lines = {}
    for number = 1, 3000 do
      lines[number] = "line " .. number
    end
    it:write(table.concat(lines, "\n") .. "\n")
    send_all(lua, 1, 3000)
    same_order(lua, seen, it, 6000)
    local own, others = {}, {}
    for _, message in ipairs(seen.messages) do
      table.insert(message[1] == lua:address() and own or others, message[2])
    end
    handles.assert_numbers(own, 3000)
    assert.same(lines, others)
    assert.same({}, seen.errors)
    assert.same({}, it.errors)
  end)

  it("sends many lines in one frame, and empty ones", function()
    local lua, seen, it = group(false)
    it:write "a\n\nc\n"
    handles.dispatch_until(lua, function() return #seen.messages > 0 end)
    assert.equal(MESSAGES .. with_length "a" .. with_length "" .. with_length "c", seen.messages[1][2])
  end)

  it("says once that it prints no long messages, and prints those after them", function()
    local lua, seen, it = group(true)
    for _ = 1, 2 do
      handles.send(lua, ("x"):rep(2000000))
    end
    handles.send(lua, "short")
    handles.dispatch_until(lua, function() return #seen.messages == 3 end)
    program.line(it, "^%d+:%d+ short$")
    assert.equal(1, #it.lines)
    assert.equal(1, #it.errors)
    assert.truthy(it.errors[1]:find "sent a long message")
  end)

  it("prints nothing of damaged frames, and survives them", function()
    local command = files.read("examples/packed_member.c"):match "%* +cc (.-)\n"
    local path = program.file "packed_member"
    local code, _, errors = program.run("sh", "-c", "exec cc -g -Werror -Wall -Wextra -fsanitize=address,undefined "
      .. "-fno-sanitize-recover=all " .. command:gsub("%-o packed_member", "-o " .. path))
    assert.equal(0, code, errors)
    local raw, _, it = group(false, path)
    local whole = MESSAGES .. with_length "one" .. with_length "two"
    local damaged = { "", "x", MESSAGES .. "\1\0\0", MESSAGES .. u32(4294967295), MESSAGES .. u32(4294967292) .. "abc",
      MESSAGES .. with_length "one" .. u32(4) .. "two", "\147LCP\2\0\0\0", "\147LCP\1\2\0\0", "\147LCP\1\0\1\0" }
    for length = 1, #whole - 1 do
      -- After the header, and between messages, the frame is a whole one.
      if length ~= #MESSAGES and length ~= #MESSAGES + 7 then
        damaged[#damaged + 1] = whole:sub(1, length)
      end
    end
    for _, bytes in ipairs(damaged) do
      handles.send(raw, bytes)
    end
    for length = 1, 24 do
      handles.send(raw, PIECE .. ("\255"):rep(length))
    end
    handles.send(raw, MESSAGES) -- no message
    handles.send(raw, whole)
    program.line(it, "^%d+:%d+ two$")
    local sender = tostring(raw:address())
    assert.same({ sender .. " one", sender .. " two" }, it.lines)
    local complaints = table.concat(it.errors, "\n")
    assert.equal(#damaged, select(2, complaints:gsub("sent a damaged frame", "")), complaints)
    assert.equal(#damaged + 1, #it.errors, complaints)
  end)
end)
