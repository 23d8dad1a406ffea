local listener = require "cpgrun.listener"

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
