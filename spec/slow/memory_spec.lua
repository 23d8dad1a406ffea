-- Memory that is refused at each request in turn (spec/support/allocate.c).
local program = require "spec.support.cpgrun.program"

local PROGRAM = ("build/%s/spec/allocate"):format(os.getenv "LUA_VERSION")

describe("a session whose memory is refused at any request ends with an error, and leaves nothing:", function()
  after_each(program.clean)

  for part, least in pairs { cpg = 50, receive = 40, cmap = 20, quorum = 20, votequorum = 10, cfg = 10 } do
    it(part, function()
      if jit then
        pending "LuaJIT's own blocks do not add up"
        return
      end
      local it = program.start(PROGRAM, "spec/support/session.lua", part)
      local code, signal = assert(it:wait(250))
      assert.same({ 0, 0 }, { code, signal })
      assert.is_true(tonumber(it.lines[1]:match "^ended after (%d+) refusals$") >= least)
    end)
  end
end)
