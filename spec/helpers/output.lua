-- busted's plain output, ending with the line that says in one glance, and to programs, how it went.
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
