local digest = require "corosync.history.digest"

describe("history digest", function()
  it("distinguishes messages by length and bytes", function()
    local long = ("x"):rep(100000)
    assert.equal(digest(long), digest(long))
    local seen = {}
    for _, message in ipairs { "", "\0", "a", "b", "ab", "ba", "bB", "Hello P0", "Hello OO", long, long .. "x",
      "y" .. long:sub(2), long:sub(2) .. "y" } do
      assert.is_nil(seen[digest(message)])
      assert.matches("^%d+:%x+$", digest(message))
      seen[digest(message)] = true
    end
  end)

  it("reads at most 192 bytes", function()
    for _, length in ipairs { 192, 193, 255, 256, 257, 1000 } do
      local message, count = ("x"):rep(length), 0
      for i = 1, length do
        local is_seen = digest(message:sub(1, i - 1) .. "y" .. message:sub(i + 1)) ~= digest(message)
        count = count + (is_seen and 1 or 0)
      end
      assert.is_true(count > 128 and count <= 192, length .. " bytes: " .. count)
    end
  end)
end)
