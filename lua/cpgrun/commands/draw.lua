-- `cpgrun draw`: draws traces as a page for a browser.
local drawing = require "cpgrun.drawing"
local log = require "cpgrun.log"
local session = require "cpgrun.commands.session"

return function(options)
  local members, events, skipped = drawing.write(options.files, options.output)
  if not members then
    return session.failed(events)
  end
  if skipped > 0 then
    log.warning("skipped %s that no trace has: is each file a trace?", log.count(skipped, "line"))
  end
  log.info("%s: %s, %s", options.output, log.count(members, "member"), log.count(events, "event"))
  return 0
end
