-- The states of a group and their transitions.
local state = require "corosync.group.state"

local function record(name) return { state = name } end

describe("a group's state", function()
  it("changes by the transitions of the table", function()
    for event, transitions in pairs(state.TRANSITIONS) do
      for from, to in pairs(transitions) do
        local group = record(from)
        state.change(group, event)
        assert.equal(to, group.state)
      end
    end
  end)

  it("raises for any other transition, and stays", function()
    local group = record "idle"
    assert.error_matches(function() state.change(group, "joined") end, "a group that is idle cannot change by 'joined'")
    assert.error_matches(function() state.change(record "left", "join") end, "left cannot change by 'join'")
    assert.equal("idle", group.state)
  end)

  it("is assigned by no other file", function()
    local files = io.popen "grep -rlE 'record\\.state = ' lua"
    local found = files:read "*a"
    files:close()
    assert.equal("lua/corosync/group/state.lua\n", found)
  end)

  it("has the transitions of the diagram in docs/design.md", function()
    local file = assert(io.open "docs/design.md")
    local diagram = file:read("*a"):match "```mermaid\nstateDiagram%-v2\n(.-)```"
    file:close()
    local drawn, expected = {}, {}
    for from, to, event in diagram:gmatch "(%a+) %-%-> (%a+): (%a+)" do
      drawn[#drawn + 1] = ("%s %s %s"):format(from, event, to)
    end
    for event, transitions in pairs(state.TRANSITIONS) do
      for from, to in pairs(transitions) do
        expected[#expected + 1] = ("%s %s %s"):format(from, event, to)
      end
    end
    table.sort(drawn)
    table.sort(expected)
    assert.same(expected, drawn)
  end)
end)
