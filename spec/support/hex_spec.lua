local core = require "corosync.core"

describe("bytes as hexadecimal digits", function()
  it("have two digits each, whatever the bytes", function()
    local bytes, digits = {}, {}
    for byte = 0, 255 do
      bytes[byte + 1], digits[byte + 1] = string.char(byte), ("%02x"):format(byte)
    end
    assert.equal(table.concat(digits), core.hex(table.concat(bytes)))
    assert.equal("", core.hex "")
    assert.equal(("6f"):rep(300000), core.hex(("o"):rep(300000)))
  end)

  it("are of a string only", function()
    assert.error_matches(function() core.hex(1) end, "string expected")
    assert.error_matches(core.hex, "string expected")
  end)
end)
