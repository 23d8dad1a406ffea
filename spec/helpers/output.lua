-- busted's plain output, followed by a line with the counts for readers and programs.
-- busted loads the modules of each spec file anew, except those loaded before all. luv crashes when it is loaded again
-- after files without a spec to run, as with --exclude-tags.
require "luv"

return function(options)
  local busted = require "busted"
  local handler = require "busted.outputHandlers.plainTerminal" (options)

  busted.subscribe({ "exit" }, function()
    io.write(("%d passed, %d failed\n"):format(handler.successesCount, handler.failuresCount + handler.errorsCount))
    io.flush()
    return nil, true
  end)
  return handler
end
