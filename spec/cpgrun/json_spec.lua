local json = require "cpgrun.json"

describe("JSON of cpgrun", function()
  it("writes all digits of tokens and indices", function()
    local value = { token = 1883262422053767, list = { 9007199254740991, -9007199254740991, 0.5, 3 } }
    local text = json.encode(value)
    assert.matches('"token":1883262422053767[,}]', text)
    assert.matches("[9007199254740991,-9007199254740991,0.5,3]", text, 1, true)
    assert.same(value, json.decode(text))
  end)

  it("refuses text after a value", function()
    for text, place in pairs { ["1 2"] = 3, ['{"a":1}}'] = 8, ['"x" // y'] = 5 } do
      assert.same({ nil, ("more text after the value, from byte %d on"):format(place) }, { json.decode(text) })
    end
    assert.same({ 3, 4 }, { (json.decode " 3 \r\n"), (json.decode(4)) })
  end)

  it("refuses a table that contains itself", function()
    local value = {}
    value[1] = value
    local ok, text = pcall(json.encode, value)
    assert.is_false(ok and text ~= nil)
  end)

  it("refuses a text that is nested too deeply", function()
    assert.same({ nil, "it is nested too deeply" }, { json.decode(("["):rep(200000)) })
    assert.same({ nil, "it is nested too deeply" }, { json.decode(('{"a":'):rep(200000)) })
  end)

  it("raises other errors of dkjson", function()
    assert.error_matches(function() json.decode {} end, "string expected, got table")
  end)

  it("describes tables that are nested too deeply by tostring", function()
    local value = {}
    for _ = 1, 200000 do value = { value } end
    assert.matches('%[%s*%[%s*"table: [^"]+"%s*%]%s*%]', json.describe(value))
  end)
end)
