local listener = require "cpgrun.listener"
local log = require "cpgrun.log"
local uv = require "luv"

describe("An address to listen on", function()
  for text, expected in pairs {
    ["127.0.0.1:80"] = { "127.0.0.1", 80 },
    ["localhost:0"] = { "127.0.0.1", 0 },
    ["9100"] = { "127.0.0.1", 9100 },
    ["0.0.0.0:65535"] = { "0.0.0.0", 65535 },
    ["[::1]:80"] = { "::1", 80 },
    ["[::]:80"] = { "::", 80 },
  } do
    it("may be " .. text, function()
      local where = assert(listener.parse(text))
      assert.same(expected, { where.address, where.port })
    end)
  end

  for _, text in ipairs { "", ":80", "80:", "65536", "no-such-name:80", "nohost:80", "1.2.3.4.5:80", "[::1::]:80",
    "::1:80", "[::1]", "unix:", "http://127.0.0.1:80", "127.0.0.1:80/", "127.0.0.1: 80" } do
    it(("may not be %q"):format(text), function()
      local where, message = listener.parse(text)
      assert.is_nil(where)
      assert.equal(("'%s' is not an address to listen on, such as 9190 (on the loopback), 127.0.0.1:9190, "
        .. "[::1]:9190 or unix:/run/name.sock"):format(text), message)
    end)
  end

  it("may be a socket's path, of at most 107 bytes", function()
    assert.equal("/run/x", listener.parse "unix:/run/x".path)
    assert.equal("the path of a socket has at most 107 bytes, but this one has 108",
      select(2, listener.parse("unix:" .. ("x"):rep(108))))
  end)

  for text, message in pairs {
    ["203.0.113.1:80"] = "cannot listen on 203.0.113.1:80: address not available",
    ["unix:/no/x"] = "cannot listen on unix:/no/x: there is no folder /no",
    ["unix:/etc/passwd"] = "cannot listen on unix:/etc/passwd: address already in use",
  } do
    it("fails with its reason, as " .. text, function()
      local opened, why = listener.open(listener.parse(text), function() end)
      assert.is_nil(opened)
      assert.equal(message, why)
    end)
  end
end)

describe("A socket that was closed because there were no descriptors", function()
  local methods = getmetatable(uv.new_pipe(false)).__index
  local listen, run, warning = methods.listen, uv.run, log.warning
  local folder, path, opened

  before_each(function()
    folder = assert(uv.fs_mkdtemp "/tmp/cpgrun-XXXXXX")
    path = folder .. "/socket"
    local fail
    function methods.listen(pipe, backlog, f)
      fail = f
      return listen(pipe, backlog, f)
    end
    opened = assert(listener.open(listener.parse("unix:" .. path), function(client) client:close() end))
    methods.listen, log.warning = listen, function() end
    uv.run = function() error "this is a callback of luv" end
    fail "EMFILE"
  end)

  after_each(function()
    uv.run, log.warning = run, warning
    opened.close()
    run "nowait"
    os.execute("rm -r " .. folder)
  end)

  local function other_server()
    local other = uv.new_pipe(false)
    assert(other:bind(path))
    assert(listen(other, 1, function() end))
    return other
  end

  -- Whether connections reach the socket within some seconds; only its own server closes them.
  local function is_served(seconds)
    local client, result
    local timer = uv.new_timer()
    timer:start(500, 500, function()
      if client and not client:is_closing() then client:close() end
      client = uv.new_pipe(false)
      client:connect(path, function(problem)
        if not problem then client:read_start(function() result = true end) end
      end)
    end)
    local began = uv.now()
    while not result and uv.now() - began < 1000 * seconds do run "once" end
    timer:close()
    client:close()
    return result or false
  end

  it("opens again in the loop", function()
    assert.is_nil(uv.fs_stat(path))
    assert.is_true(is_served(60))
  end)

  it("opens again after another process has left a socket there", function()
    local other = other_server()
    assert(uv.fs_rename(path, path .. ".kept"))
    other:close()
    run "nowait"
    assert(uv.fs_rename(path .. ".kept", path))
    assert.is_true(is_served(60))
  end)

  it("leaves another process's socket alone, and opens when that has ended", function()
    local other = other_server()
    assert.is_false(is_served(2.5))
    other:close()
    assert.is_true(is_served(60))
  end)

  it("does not remove another process's socket when it is closed", function()
    local other = other_server()
    opened.close()
    assert.truthy(uv.fs_stat(path))
    other:close()
    opened = { close = function() end }
  end)
end)
