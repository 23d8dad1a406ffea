-- The targets of fuzz/ with random inputs, the same ones each time; `make fuzz` goes on with others.
local program = require "spec.helpers.program"

for _, target in ipairs { "queue", "frames", "events", "node_lists", "arguments", "values" } do
  it("random input does no harm to the " .. target, function()
    local code, out = program.run(("build/%s/spec/fuzz-%s"):format(os.getenv "LUA_VERSION", target), "300", "1")
    assert.same({ 0, "300 runs" }, { code, out })
  end)
end

it("histories with random mistakes are rejected with their line, or checked", function()
  local code, out = program.run(os.getenv("LUA"):match "%S+$", "fuzz/history.lua", "300", "1")
  assert.same({ 0, "300 runs, seed 1" }, { code, out })
end)
