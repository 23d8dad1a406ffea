local json = require "cpgrun.json"

describe("JSON of cpgrun", function()
  it("writes all digits of tokens and indices", function()
    local value = { token = 1883262422053767, list = { 9007199254740991, -9007199254740991, 0.5, 3 } }
    local text = json.encode(value)
    assert.matches('"token":1883262422053767[,}]', text)
    assert.matches("[9007199254740991,-9007199254740991,0.5,3]", text, 1, true)
    assert.same(value, json.decode(text))
  end)

  it("refuses a table that contains itself", function()
    local value = {}
    value[1] = value
    local ok, text = pcall(json.encode, value)
    assert.is_false(ok and text ~= nil)
  end)
end)
