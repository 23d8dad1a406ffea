-- Memory that is refused at each request in turn (spec/helpers/embedded/allocate.c): Lua's, and the core's own.
local program = require "spec.helpers.program"

local PROGRAM = ("build/%s/spec/allocate"):format(os.getenv "LUA_VERSION")

local function ends(least, ...)
  local it = program.start(PROGRAM, "spec/helpers/embedded/session.lua", ...)
  local code, signal = assert(it:wait(900))
  assert.same({ 0, 0 }, { code, signal }, table.concat(it.lines, "\n"))
  assert.is_true(tonumber(it.lines[1]:match "^ended after (%d+) refusals$") >= least)
end

describe("a session without memory, at any request, ends with an error and leaves nothing: #slow #jit", function()
  after_each(program.clean)

  for part, least in pairs {
    cpg = 50, failing = 50, receive = 40, cmap = 20, quorum = 20, votequorum = 10, cfg = 10,
  } do
    it(part, function()
      if jit then
        pending "LuaJIT's own blocks do not add up"
        return
      end
      ends(least, part)
    end)
  end

  for part, least in pairs { cpg = 2, packed = 6, receive = 2, cmap = 2, quorum = 1 } do
    it(part .. ", in the core", function() ends(least, part, "core") end)
  end
end)
