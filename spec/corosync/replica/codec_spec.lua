local codec = require "corosync.replica.codec"

describe("the encoding of replicas", function()
  local function carried(value)
    return codec.decode(codec.encode(value))
  end

  it("keeps keys that are fractions, infinite or negative", function()
    for _, value in ipairs { { [0.5] = "a", [2] = "b" }, { [1] = "a", [2.5] = "b", [3] = "c" }, { [1.5] = "a" },
      { [math.huge] = "a", [1] = "b" }, { [-1] = "a", [0] = "b", [2] = "c" }, { [2 ^ 60] = "a", [-2 ^ 60] = "b" } } do
      assert.same(value, carried(value))
      assert.same({ { value } }, carried { { value } })
    end
  end)

  it("keeps arrays, arrays with holes, and empty tables", function()
    for _, value in ipairs { {}, { {} }, { "a", "b" }, { [2] = "b" }, { "a", nil, "c" }, { "a", n = 1 } } do
      assert.same(value, carried(value))
    end
  end)

  local is_installed, own = pcall(require, "MessagePack")
  if is_installed then -- Debian has none for Lua 5.4
    it("does not depend on the settings of the program's MessagePack", function()
      local name = "corosync.replica.codec"
      local loaded = package.loaded[name]
      package.loaded[name] = nil
      local anew = require(name)
      package.loaded[name] = loaded
      own.set_number "float"
      local carried_anew = anew.decode(anew.encode(0.1))
      own.set_number "double"
      assert.equal(0.1, carried_anew)
      assert.equal(own, require "MessagePack")
    end)
  end
end)
