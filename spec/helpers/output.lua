-- busted's plain output, followed by a line with the counts for readers and programs.
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
