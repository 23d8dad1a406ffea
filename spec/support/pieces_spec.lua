local core = require "corosync.core"

describe("strings in one string", function()
  it("are split as they were joined, whatever their bytes", function()
    for _, list in ipairs { { "" }, { "x\0\255", "", "1 2\n3" }, { "", ("x"):rep(100000), "y" } } do
      local bytes = "before" .. core.join_pieces(list)
      assert.same(list, core.split_pieces(bytes, 7, #list))
      assert.is_nil((core.split_pieces(bytes, 7, #list - 1)))
    end
    assert.equal("2 0 1\nabc", core.join_pieces { "ab", "", "c" })
  end)

  it("are refused if the lengths are not those of the bytes", function()
    assert.same({ "ab", "", "c" }, core.split_pieces("2 0 1\nabc", 1, 9))
    for _, bytes in ipairs { "", "\n", "2", "2 1", "2 1\n", "2 1\nab", "2 1\nabcd", "2  1\nabc", " 2 1\nabc",
      "2 1 \nabc", "2 -1\nab", "2 x\nabc", "2\t1\nabc", "2 1\0\nabc", "2 1x\nabc", "99999999999999999999 1\nabc",
      "18446744073709551617\nabc" } do
      assert.is_nil((core.split_pieces(bytes, 1, 9)), bytes)
    end
  end)

  it("must be strings in a list", function()
    assert.error_matches(function() core.join_pieces { "a", 1 } end, "a list of strings expected")
    assert.error_matches(core.join_pieces, "table expected")
    for _, first in ipairs { 0, 4 } do
      assert.error_matches(function() core.split_pieces("0\n", first, 9) end, "position in the bytes expected")
    end
  end)
end)
