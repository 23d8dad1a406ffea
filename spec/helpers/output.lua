-- busted's plain output, followed by a line with the counts for readers and programs.
-- busted loads the modules of each spec file anew, except those loaded before all. luv crashes when it is loaded again
-- after files without a spec to run, as with --exclude-tags.
local uv = require "luv"

-- luv 1.44 frees a handle that is being closed when Lua ends, although libuv still has it.
local function close_handles()
  uv.walk(function(handle)
    if not handle:is_closing() then
      handle:close()
    end
  end)
  uv.run()
end

return function(options)
  local busted = require "busted"
  local handler = require "busted.outputHandlers.plainTerminal" (options)

  busted.subscribe({ "exit" }, function()
    io.write(("%d passed, %d failed\n"):format(handler.successesCount, handler.failuresCount + handler.errorsCount))
    io.flush()
    close_handles()
    return nil, true
  end)
  return handler
end
