-- Compares the table in docs/testing.md with the code.
local rules = require "corosync.checker.rules"

local function text_of(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

local TEXT = text_of "docs/testing.md"

-- The rows of the table with that head, as text.
local function table_with(head)
  local at, ending = TEXT:find(head .. "\n| --- | --- |[^\n]*\n")
  assert(at, "no table with this head: " .. head)
  return TEXT:sub(ending + 1):match "^(.-\n)\n"
end

describe("the rules in docs/testing.md", function()
  it("have a row for each rule, with its guarantee and the Corosync faults that it allows", function()
    local rows = {}
    for i, rule in ipairs(rules) do
      rows[i] = ("| `%s` | %s | %s |\n"):format(rule.name, rule.guarantee, table.concat(rule.exceptions or {}, "; "))
    end
    assert.equal(table.concat(rows), table_with "| rule | guarantee | allowed faults of Corosync |")
  end)

  it("have a row for each message", function()
    local rows = {}
    for _, rule in ipairs(rules) do
      local messages = {}
      for _, message in pairs(rule.messages) do
        messages[#messages + 1] = message:gsub("%%[sd]", "…")
      end
      table.sort(messages)
      for _, message in ipairs(messages) do
        rows[#rows + 1] = ("| `%s` | %s |\n"):format(rule.name, message)
      end
    end
    assert.equal(table.concat(rows), table_with "| rule | message |")
  end)

  it("explain each Corosync fault that a rule allows", function()
    for _, rule in ipairs(rules) do
      for _, name in ipairs(rule.exceptions or {}) do
        assert.is_truthy(TEXT:find("\n- *" .. name .. "*: ", 1, true), name)
      end
    end
  end)
end)

describe("checker.rules", function()
  it("have the names of their files and share no messages", function()
    local seen = {}
    for _, rule in ipairs(rules) do
      assert.equal(rule, package.loaded["corosync.checker.rules." .. rule.name])
      for _, message in pairs(rule.messages) do
        assert.is_nil(seen[message], message)
        seen[message] = true
      end
    end
  end)

  it("allow only the faults that they name", function()
    for _, rule in ipairs(rules) do
      local named, source = {}, text_of("lua/corosync/checker/rules/" .. rule.name .. ".lua")
      for _, name in ipairs(rule.exceptions or {}) do
        named[name] = true
      end
      for name in source:gmatch 'report:exempt "([^"]+)"' do
        assert.is_true(named[name], name)
      end
    end
  end)
end)
