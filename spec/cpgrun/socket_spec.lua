-- Harmful clients of the control socket.
local list = require "corosync.list"
local ordinary = require "spec.helpers.ordinary_user"
local program = require "spec.helpers.program"
local uv = require "luv"
local wait = require "corosync.lab.wait"

local cpgrun, line, run = program.cpgrun, program.line, program.run

local unpack = table.unpack or unpack -- luacheck: ignore 113

local SLOTS = 8 -- connections that a host accepts
local STATUS = '{"version":1,"command":"status"}\n'
local FLOOD = [[{"version":1,"command":"evaluate","text":"for _ = 1, 2000 do print(('x'):rep(999)) end"}]] .. "\n"

describe("the control socket #slow", function()
  local clients, count = {}, 0

  after_each(function()
    for _, client in ipairs(clients) do
      client.pipe:close()
    end
    clients = {}
    program.clean()
  end)
  teardown(program.remove)

  -- A script that has started; its folder and socket.
  local function script()
    count = count + 1
    local folder = program.file(("hostile%d"):format(count))
    local it = cpgrun("target", [[
      function message_received(_, message) print("got " .. message) end
      function started() print "started" end]], "--socket", folder)
    line(it, "^started")
    return it, folder, ("%s/target.%d.sock"):format(folder, it.pid)
  end

  -- Connects, and writes the text. `is_deaf`: reads nothing.
  local function connect(path, text, is_deaf)
    local client = { pipe = uv.new_pipe(false), data = {} }
    clients[#clients + 1] = client
    client.pipe:connect(path, function(problem)
      client.is_connected, client.is_over = true, problem
      if not is_deaf and not problem then
        client.pipe:read_start(function(failed, data)
          table.insert(client.data, data)
          client.is_over = client.is_over or failed or not data
        end)
      end
      if text and not problem then
        client.pipe:write(text, function() end)
      end
    end)
    return client
  end

  local function reply(client)
    wait.until_true(function() return client.is_over end, 60)
    assert.is_truthy(client.is_over)
    return table.concat(client.data)
  end

  local function replies(folder)
    return run("cpgrun", "status", "--socket", folder) == 0
  end

  -- The script handles events, replies and has logged no error.
  local function is_well(it, folder)
    wait.until_true(function() return replies(folder) end, 60)
    assert.is_true(replies(folder))
    assert.equal(0, (run("cpgrun", "attach", "--socket", folder, "-e", "group:send_message 'hello'")))
    line(it, "^got hello")
    for _, each in ipairs(it.errors) do
      assert.is_nil(each:find "error", each)
    end
  end

  it("survives random bytes", function()
    local it, folder, path = script()
    local seed = os.time()
    math.randomseed(seed)
    for _ = 1, 300 do
      local bytes = {}
      for i = 1, math.random(2000) do
        bytes[i] = string.char(math.random(0, 255))
      end
      reply(connect(path, table.concat(bytes) .. "\n"))
    end
    is_well(it, folder)
  end)

  it("survives requests that are cut, changed or not requests", function()
    local it, folder, path = script()
    for _ = 1, 200 do
      local at = math.random(#STATUS - 1)
      local changed = STATUS:sub(1, at - 1) .. string.char(math.random(32, 126)) .. STATUS:sub(at + 1)
      assert.is_true(#reply(connect(path, changed)) > 0)
    end
    for text, expected in pairs {
      ["1\n"] = "the request is not a JSON object: number",
      [("["):rep(100000) .. "\n"] = "the request is not a JSON object: it is nested too deeply",
      ["{}\n"] = "the script's cpgrun has version 1 of the protocol",
      ['{"version":1}\n'] = "there is no such command",
      ['{"version":1,"command":"evaluate","text":1}\n'] = "the field 'text' is missing",
      ['{"version":1,"command":"complete"}\n'] = "the field 'text' is missing",
    } do
      assert.matches(expected, reply(connect(path, text)))
    end
    is_well(it, folder)
  end)

  it("closes connections without a request, with too long a one, or with two", function()
    local it, folder, path = script()
    local silent, half = connect(path), connect(path, STATUS:sub(1, 10))
    assert.equal("", reply(connect(path, (" "):rep(300000) .. STATUS)))
    assert.equal("", reply(connect(path, STATUS .. STATUS)))
    assert.same({ "", "" }, { reply(silent), reply(half) })
    is_well(it, folder)
  end)

  it("refuses more connections than it has room for", function()
    local it, folder, path = script()
    for i = 1, SLOTS do
      connect(path, '{"version":1,"command":"evaluate","text":"print(1) sleep(1e6)"}\n')
      wait.until_true(function() return #clients[i].data > 0 end, 60)
    end
    assert.equal("", reply(connect(path, STATUS)))
    for i = 1, SLOTS do
      assert.is_falsy(clients[i].is_over)
      clients[i].pipe:shutdown()
    end
    is_well(it, folder)
  end)

  it("survives 1000 connections", function()
    local it, folder, path = script()
    for _ = 1, 1000 do
      connect(path)
    end
    local function are_over()
      local open = 0
      for _, client in ipairs(clients) do
        open = open + (client.is_over and 0 or 1)
      end
      return open <= SLOTS
    end
    wait.until_true(are_over, 60)
    assert.is_true(are_over())
    is_well(it, folder)
  end)

  it("closes connections of clients that do not read", function()
    local it, folder, path = script()
    for _ = 1, SLOTS do
      connect(path, FLOOD, true)
    end
    wait.until_true(function() return clients[SLOTS].is_connected end, 60)
    is_well(it, folder)
  end)

  it("survives a client that disconnects during its evaluation", function()
    local it, folder, path = script()
    local client = connect(path,
      '{"version":1,"command":"evaluate","text":"print(1) sleep(0.1) print(2) group:send_message [[done]] return 3"}\n')
    wait.until_true(function() return #client.data > 0 end, 60)
    client.pipe:shutdown()
    line(it, "^got done")
    is_well(it, folder)
  end)

  -- The outcome of cpgrun as another user.
  local function run_as_other(...)
    local argv, outcome = list.copy(ordinary.prefix), nil
    local words = { ... }
    ordinary.with_tree(function(tree)
      argv[#argv + 1] = tree .. "/bin/cpgrun"
      outcome = { run(unpack(list.append(argv, words))) }
    end)
    return unpack(outcome)
  end

  it("refuses other users, even if they can reach it", function()
    if #ordinary.prefix == 0 then
      pending "no other user exists in this namespace"
      return
    end
    local it, folder, path = script()
    assert(uv.fs_chmod(folder, tonumber("755", 8)))
    assert(uv.fs_chmod(path, tonumber("777", 8)))
    local code, out = run_as_other("status", "--socket", folder)
    assert.equal(1, code)
    assert.matches("was closed before the reply", out)
    is_well(it, folder)
  end)

  it("of another user's script serves that user and root", function()
    if #ordinary.prefix == 0 then
      pending "no other user exists in this namespace"
      return
    end
    local it = cpgrun("other", [[
      function message_received() end
      function started() print "started" end]], "--user", "nobody")
    line(it, "^started")
    local path = ("/run/cpgrun/65534/other.%d.sock"):format(it.pid)
    assert.equal(65534, uv.fs_stat(path).uid)
    local code, out = run("cpgrun", "attach", "-e", "1 + 1", ("%d"):format(it.pid))
    assert.same({ 0, "2" }, { code, out })
    assert.equal(0, (run_as_other("status", ("%d"):format(it.pid))))
    it:kill "sigterm"
    assert.same({ 0, 0 }, { it:wait(60) })
    assert.is_nil(uv.fs_stat(path))
  end)
end)
