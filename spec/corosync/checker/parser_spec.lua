local parse = require("corosync.checker").parse

describe("checker parser", function()
  it("fails with invalid for an unknown line, and names it", function()
    assert.same({ n = 3, nil, "file:2: this is no event: nonsense", "invalid" },
      { n = 3, parse("group g\nnonsense\n", "file") })
    for _, lists in ipairs { "1:10 1:10 -", "1:10, - -", "1:10 - 1:10=join,,", "x - -" } do
      assert.is_nil((parse("group g\nconfig 1:10 " .. lists .. "\n", "file")))
    end
    for _, line in ipairs { "config 1:10", "message x 1:0a", "send 1", "answer", "quiet now", "ring", "GROUP g", "" } do
      assert.is_nil((parse(line .. "\n", "file")), line)
    end
  end)

  it("fails with invalid for a second group name or a repeated send number", function()
    assert.equal("file:2: the group is named twice: group g", (select(2, parse("group g\ngroup g\n", "file"))))
    for _, answer in ipairs { "", "answer 1 true\n" } do
      local _, message, code = parse("group g\nsend 1 1:0a\n" .. answer .. "send 1 1:0b\n", "file")
      assert.equal("invalid", code)
      assert.matches("^file:%d: the number of this send is in use: send 1 1:0b$", message)
    end
  end)

  it("fails with invalid for a send result without a send, and for a second one", function()
    for _, lines in ipairs { "answer 1 true\n", "send 1 1:0a\nanswer 1 timeout\nanswer 1 true\n" } do
      local _, message, code = parse(lines, "file")
      assert.equal("invalid", code)
      assert.matches("^file:%d: no send of this number is open: answer 1 true$", message)
    end
  end)

  it("fails with invalid for operations that are incomplete", function()
    for _, line in ipairs { "invoke 1 1.0 stock apples", "invoke 1 1 stock - get", "invoke x 1.0 stock - get",
      "query 1 1.0 stock - ", "ok 1 1.0 -", "ok 1 1.0 x 5", "failed 1 1.0", "unknown 1 full" } do
      local _, message = parse("invoke 1 1.0 stock - get\n" .. line .. "\n", "file")
      assert.equal("file:2: this is no event: " .. line, message)
    end
  end)

  it("fails with invalid for an operation that began or ended twice, or never began", function()
    local begin = "query 1 1.0 stock - get\n"
    for lines, problem in pairs {
      [begin .. "invoke 1 1.0 stock - get\n"] = "the number of this operation is in use: invoke",
      [begin .. "ok 1 2.0 - 5\nfailed 1 2.0 full\n"] = "no operation of this number is open: failed",
      ["send 1 1:0a\nunknown 1 2.0 full\n"] = "no operation of this number is open: unknown",
    } do
      local _, message, code = parse(lines, "file")
      assert.equal("invalid", code)
      assert.matches("^file:%d: " .. problem .. " 1 ", message)
    end
    assert(parse("send 1 1:0a\n" .. begin .. "ok 1 2.0 - 5\nanswer 1 true\n", "file"))
  end)

  it("ignores an incomplete last line", function()
    assert.equal(1, #assert(parse("group g\nmessa", "file")).events)
  end)

  it("keeps the group's name unchanged", function()
    for _, name in ipairs { " chat", "chat ", " ", "\200\255" } do
      assert.equal(name, assert(parse("group " .. name .. "\n", "file")).events[1][2])
    end
  end)
end)
