local client = require "spec.helpers.http_client"
local http = require "cpgrun.http"
local listener = require "cpgrun.listener"
local uv = require "luv"
local wait = require "corosync.lab.wait"

describe("The HTTP server of cpgrun", function()
  local server, port, requests
  local big = ("x"):rep(30000000)

  local function handler(request)
    requests = requests + 1
    if request.path == "/raise" then
      error "a bug"
    elseif request.path == "/big" then
      return 200, big, {}
    end
    return request.path == "/page" and 200 or 404, "body", { ["X-Host"] = request.headers.host }
  end

  setup(function()
    server = assert(http.serve(assert(listener.parse "127.0.0.1:0"), handler))
    port = tonumber(server.url:match ":(%d+)$")
  end)

  teardown(function() server.close() end)

  before_each(function() requests = 0 end)

  local function status_of(text)
    return (client.request(port, text))
  end

  it("serves GET", function()
    local status, body, head = client.get(port, "/page?a=b")
    assert.same({ 200, "body" }, { status, body })
    assert.matches("\r\nContent%-Length: 4\r\n", head)
    assert.matches("\r\nX%-Host: localhost\r\n", head)
    assert.matches("\r\nConnection: close\r\n", head)
    assert.equal(404, (client.get(port, "/other")))
  end)

  it("serves HEAD without a body", function()
    local status, body, head = client.request(port, "HEAD /page HTTP/1.1\r\nHost: a\r\n\r\n")
    assert.same({ 200, "" }, { status, body })
    assert.matches("\r\nContent%-Length: 4\r\n", head)
  end)

  it("serves HTTP/1.0, bare newlines, empty lines before the request, and absolute targets", function()
    assert.equal(200, status_of "GET /page HTTP/1.0\r\n\r\n")
    assert.equal(200, status_of "GET /page HTTP/1.0\n\n")
    assert.equal(200, status_of "\r\n\r\nGET /page HTTP/1.1\r\nhost:a\r\n\r\n")
    assert.equal(200, status_of "GET http://a:1/page HTTP/1.1\r\nhost: a:1\r\n\r\n")
  end)

  for text, status in pairs {
    ["nonsense\r\n\r\n"] = 400,
    ["GET /page\r\n\r\n"] = 400,
    ["GET  /page HTTP/1.1\r\nHost: a\r\n\r\n"] = 400,
    ["GET /page HTTP/1.1\r\n\r\n"] = 400,
    ["GET /page HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"] = 400,
    ["GET /page HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n"] = 400,
    ["GET /page HTTP/1.1\r\nHost: a\r\nBad name: 1\r\n\r\n"] = 400,
    ["GET /page HTTP/1.1\r\nHost: a\r\nName: \0\r\n\r\n"] = 400,
    ["GET /pa\0ge HTTP/1.1\r\nHost: a\r\n\r\n"] = 400,
    ["POST /page HTTP/1.1\r\nHost: a\r\n\r\n"] = 405,
    ["get /page HTTP/1.1\r\nHost: a\r\n\r\n"] = 405,
    ["GET /page HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"] = 413,
    ["GET /page HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"] = 413,
    ["GET /page HTTP/2.0\r\nHost: a\r\n\r\n"] = 505,
  } do
    it(("responds with %d to %q"):format(status, text), function()
      assert.equal(status, status_of(text))
      assert.equal(0, requests)
    end)
  end

  it("lists the allowed methods", function()
    assert.matches("\r\nAllow: GET, HEAD\r\n", (select(3, client.request(port, "PUT / HTTP/1.1\r\nHost: a\r\n\r\n"))))
  end)

  it("refuses a head that is too long or endless", function()
    assert.equal(431, status_of("GET /" .. ("x"):rep(9000) .. " HTTP/1.1\r\nHost: a\r\n\r\n"))
    assert.equal(431, status_of(("\r\n"):rep(5000)))
    local connection = client.connect(port)
    for _ = 1, 1000 do
      if not connection:write "Name: value\r\n" then
        break
      end
    end
    assert.equal(431, (connection:finish()))
  end)

  it("responds to a request that comes in pieces", function()
    local connection = client.connect(port)
    for piece in ("GET /page HTTP/1.1\r\nHost: a\r\nOther: b\r\n\r\n"):gmatch "..?" do
      assert(connection:write(piece))
    end
    assert.equal(200, (connection:finish()))
  end)

  it("responds to the first of several requests in one piece", function()
    local status, body = client.request(port, ("GET /page HTTP/1.1\r\nHost: a\r\n\r\n"):rep(100))
    assert.same({ 200, "body" }, { status, body })
    assert.equal(1, requests)
  end)

  it("responds with 500 when the page cannot be made", function()
    assert.equal(500, (client.get(port, "/raise")))
    assert.equal(200, (client.get(port, "/page")))
  end)

  it("serves a large body whole", function()
    local status, body = client.get(port, "/big")
    assert.equal(200, status)
    assert.is_true(body == big)
  end)

  it("serves while 200 connections are silent, and closes the oldest ones", function()
    local idle = {}
    for i = 1, 200 do
      idle[i] = client.connect(port)
    end
    assert.equal(200, (client.get(port, "/page")))
    assert.is_nil((idle[1]:finish()))
    for _, each in ipairs(idle) do
      each:close()
    end
  end)

  it("survives random bytes #slow", function()
    math.randomseed(1)
    for round = 1, 300 do
      local bytes = { round % 2 == 0 and "GET /page HTTP/1.1\r\nHost: a" or nil }
      for _ = 1, math.random(300) do
        bytes[#bytes + 1] = string.char(math.random(0, 255))
      end
      local connection = client.connect(port)
      connection:write(table.concat(bytes))
      connection:write "\r\n\r\n"
      assert.is_truthy((connection:finish()))
    end
    assert.equal(200, (client.get(port, "/page")))
  end)

  describe("whose clients get little time", function()
    local hurried

    setup(function()
      local message
      hurried, message = http.serve(assert(listener.parse "127.0.0.1:0"), handler, { request = 200, response = 200 })
      assert(hurried, message)
      port = tonumber(hurried.url:match ":(%d+)$")
    end)

    teardown(function()
      hurried.close()
      port = tonumber(server.url:match ":(%d+)$")
    end)

    it("responds with 408 to a request that is not complete in time, even if it arrives byte by byte", function()
      local silent, slow = client.connect(port), client.connect(port)
      assert(slow:write "GET /page HTTP/1.1\r\n")
      while not slow.is_over and slow:write "N: v\r\n" do
        wait.pass(0.03)
      end
      assert.equal(408, (slow:finish()))
      assert.equal(408, (silent:finish()))
    end)

    local function is_of_server(handle)
      local name = uv.handle_get_type(handle) == "tcp" and not handle:is_closing() and handle:getsockname()
      return name and name.port == port
    end

    -- Waits until the server has only the socket that listens.
    local function wait_for_end_of_connections()
      assert(wait.until_true(function()
        local count = 0
        uv.walk(function(handle) count = count + (is_of_server(handle) and 1 or 0) end)
        return count == 1
      end, 60))
    end

    it("closes a connection whose client does not read", function()
      local deaf = client.connect(port)
      deaf.socket:read_stop()
      assert(deaf:write "GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
      assert(wait.until_true(function() return requests == 1 end, 60))
      wait_for_end_of_connections()
      deaf:listen()
      local _, body = deaf:finish()
      assert.is_true(#body < #big)
    end)

    it("closes a connection whose client goes on sending", function()
      local talker = client.connect(port)
      while not talker.is_over and talker:write(("x"):rep(10000)) do end
      talker:close()
      assert.is_number((client.get(port, "/page")))
    end)
  end)

  it("reports that the port is in use", function()
    local text = "127.0.0.1:" .. port
    local second, message = http.serve(assert(listener.parse(text)), handler)
    assert.is_nil(second)
    assert.equal(("cannot listen on %s: address already in use"):format(text), message)
  end)
end)
