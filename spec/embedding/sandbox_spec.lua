-- The binding in a Lua without the libraries debug, io and os, by a program that embeds the static library
-- (spec/helpers/embedded/sandbox.c): with this Lua, and with the same compiled as C++, whose errors are exceptions.
local files = require "spec.helpers.files"
local program = require "spec.helpers.program"

local BUILD = ("build/%s/spec/"):format(os.getenv "LUA_VERSION")

local OUTPUT = [[
bad argument #1 'name' to 'group' (1 to 128 bytes expected, got 0)
bad argument #2 'handlers' to 'group' (unknown field 'mesage_received': did you mean 'message_received'?)
bad argument #1 to 'cmap' (invalid option '1': icmap or stats expected)
raise table last
spec/helpers/embedded/sandbox.lua:NN: raised by a handler
(error object is a table value)
bad argument #1 to 'send_message' (message is a function, and a string or an array of strings is expected)
true	true
cannot record histories: this Lua has no library io	not_supported
cannot read /tmp/x: this Lua has no library io	not_supported]]

local COMPLAINTS = {
  "^corosync: error in a handler of cmap: spec/helpers/embedded/sandbox%.lua:%d+: in a tracker$",
  "^corosync: group 'silent': spec/helpers/embedded/sandbox%.lua:%d+: not handled: silent$",
  "^corosync: group 'silent': spec/helpers/embedded/sandbox%.lua:%d+: no view$",
  "^corosync: error in the error handler: spec/helpers/embedded/sandbox%.lua:%d+: the error handler raised, after: "
    .. "spec/helpers/embedded/sandbox%.lua:%d+: in a tracker$",
}

describe("groups, services and handles in a sandbox work and report errors", function()
  after_each(program.clean)

  for kind, name in pairs { C = "sandbox", ["C++ #once"] = "sandbox-c++" } do
    it("with a Lua compiled as " .. kind, function()
      if not files.exists(BUILD .. name) then
        pending "there is no such Lua here"
        return
      end
      local code, out, errors = program.run(BUILD .. name, "lua", "spec/helpers/embedded/sandbox.lua")
      assert.equal(0, code, errors)
      assert.equal(OUTPUT, (out:gsub("(sandbox%.lua:)%d+", "%1NN")))
      for _, pattern in ipairs(COMPLAINTS) do
        local found = false
        for line in errors:gmatch "[^\n]+" do
          found = found or line:find(pattern) ~= nil
        end
        assert(found, pattern .. " in:\n" .. errors)
      end
    end)
  end
end)
