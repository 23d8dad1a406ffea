-- cpgrun status --web.
local client = require "spec.helpers.http_client"
local guard = require "cpgrun.web.guard"
local json = require "dkjson"
local listener = require "cpgrun.listener"
local program = require "spec.helpers.program"
local script = require "cpgrun.web.script"
local uv = require "luv"
local wait = require "corosync.lab.wait"

local complaint, file, line = program.complaint, program.file, program.line

describe("cpgrun status --web", function()
  after_each(program.clean)
  teardown(program.remove)

  local folder, port

  local function start(name, text)
    line(program.start("cpgrun", "--socket", folder, file(name .. ".lua", text)), "^up$")
  end

  -- The hosts on the page, by name, once they are as expected: a script that has little time may not reply at first.
  local function hosts(are_expected)
    local found
    local function look()
      local status, body = client.get(port, "/status.json")
      assert.equal(200, status)
      found = {}
      for _, host in ipairs((json.decode(body) or { hosts = {} }).hosts) do
        found[host.name] = host
      end
      return are_expected(found)
    end
    local deadline = uv.hrtime() + 60e9
    while not look() do
      assert(uv.hrtime() < deadline, "not all scripts are shown")
      wait.pass(0.1)
    end
    return found
  end

  it("shows running scripts and scripts that hang", function()
    folder = file "sockets"
    assert(uv.fs_mkdir(folder, tonumber("700", 8)))
    start("shown", [[
      group_name = "<b>\200"
      map "<i>":watch("", function() end)
      function config_change() end
      function started() print "up" end]])
    start("hangs", "function config_change() end function started() print 'up' while true do end end")
    local it = program.start("cpgrun", "status", "--socket", folder, "--timeout", "0.5", "--web", "127.0.0.1:0")
    port = tonumber(complaint(it, "info: the status page is at http://127.0.0.1:(%d+)/$"))

    local status, page, head = client.get(port, "/")
    assert.equal(200, status)
    local nonce = assert(head:match "Content%-Security%-Policy: default%-src 'none'; [^\r]*script%-src 'nonce%-(%x+)'")
    assert.is_truthy(page:find(('<script nonce="%s">'):format(nonce), 1, true))
    assert.not_equal(page, select(2, client.get(port, "/")))

    local found = hosts(function(all) return all.shown and all.shown.group and all.hangs end)
    assert.equal([[<b>\200]], found.shown.group.name)
    assert.equal("joined", found.shown.group.state)
    assert.matches("did not reply within 0.5 s", found.hangs.error)

    local foreign = "GET /status.json HTTP/1.1\r\nHost: evil.example:" .. port .. "\r\n\r\n"
    assert.equal(403, (client.request(port, foreign)))
    it:kill "sigterm"
    program.ended(it, 0)
  end)

  it("allows addresses and localhost as the host's name, and no other", function()
    local is_allowed = guard(assert(listener.parse "127.0.0.1:80"))
    for _, name in ipairs { "127.0.0.1", "127.0.0.1:80", "[::1]:80", "10.1.2.3:8080", "localhost", "LOCALHOST:1" } do
      assert.is_true(is_allowed(name), name)
    end
    for _, name in ipairs { "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "", "1.2.3.4.5",
      "evil.example:127.0.0.1" } do
      assert.is_false(is_allowed(name), name)
    end
    assert.is_false(is_allowed(nil))
  end)

  it("shows names as text, never as HTML", function()
    for _, word in ipairs { "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(" } do
      assert.is_nil(script:find(word, 1, true))
    end
  end)

  it("does not start when the address is in use", function()
    local socket = uv.new_tcp()
    finally(function() socket:close() end)
    assert(socket:bind("127.0.0.1", 0))
    assert(socket:listen(1, function() end))
    local address = "127.0.0.1:" .. socket:getsockname().port
    local code, out, errors = program.run("cpgrun", "status", "--web", address)
    assert.same({ 1, "" }, { code, out })
    assert.matches("error: cannot listen on 127.0.0.1:%d+: address already in use$", errors)
  end)
end)
