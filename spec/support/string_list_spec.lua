local core = require "corosync.core"

describe("strings with a prefix that follow each other in a list", function()
  it("are returned without it, in their places", function()
    local list = { "b1", "a\0", "a\0\255", "a\0" .. ("x"):rep(1000), "b1", "a\0y" }
    local rests, last = core.strip_prefix(list, 2, "a\0")
    assert.same({ nil, "", "\255", ("x"):rep(1000) }, rests)
    assert.equal(4, last)
    assert.same({ { [6] = "" }, 6 }, { core.strip_prefix(list, 6, "a\0y") })
    assert.same({ { "b1" }, 1 }, { core.strip_prefix({ "b1" }, 1, "") })
  end)

  it("may be none", function()
    for _, list in ipairs { {}, { "a" }, { "ba" }, { 1 } } do
      assert.same({ {}, 0 }, { core.strip_prefix(list, 1, "ab") })
    end
    assert.error_matches(core.strip_prefix, "string expected")
    assert.error_matches(function() core.strip_prefix(nil, 1, "") end, "table expected")
  end)
end)

describe("strings in one string", function()
  it("are split as they were joined, whatever their bytes", function()
    for _, list in ipairs { { "" }, { "x\0\255", "", "1 2\n3" }, { "", ("x"):rep(100000), "y" } } do
      local bytes = "before" .. core.join_strings(list)
      assert.same(list, core.split_strings(bytes, 7, #list))
      assert.is_nil((core.split_strings(bytes, 7, #list - 1)))
    end
    assert.equal("2 0 1\nabc", core.join_strings { "ab", "", "c" })
  end)

  it("are refused if the lengths are not those of the bytes", function()
    assert.same({ "ab", "", "c" }, core.split_strings("2 0 1\nabc", 1, 9))
    for _, bytes in ipairs { "", "\n", "2", "2 1", "2 1\n", "2 1\nab", "2 1\nabcd", "2  1\nabc", " 2 1\nabc",
      "2 1 \nabc", "2 -1\nab", "2 x\nabc", "2\t1\nabc", "2 1\0\nabc", "2 1x\nabc", "99999999999999999999 1\nabc",
      "18446744073709551617\nabc" } do
      assert.is_nil((core.split_strings(bytes, 1, 9)), bytes)
    end
  end)

  it("must be strings in a list", function()
    assert.error_matches(function() core.join_strings { "a", 1 } end, "a list of strings expected")
    assert.error_matches(core.join_strings, "table expected")
    for _, first in ipairs { 0, 4 } do
      assert.error_matches(function() core.split_strings("0\n", first, 9) end, "position in the bytes expected")
    end
  end)
end)
