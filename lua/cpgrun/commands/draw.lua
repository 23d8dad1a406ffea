-- `cpgrun draw`: draws traces as a page for a browser.
local drawing = require "cpgrun.drawing"
local log = require "cpgrun.log"
local session = require "cpgrun.commands.session"

return function(chosen)
  local members, events, skipped = drawing.write(chosen.files, chosen.output)
  if not members then
    return session.failed(events)
  end
  if skipped > 0 then
    log.warning("skipped %s that no trace has: is each file a trace?", log.count(skipped, "line"))
  end
  log.info("%s: %s, %s", chosen.output, log.count(members, "member"), log.count(events, "event"))
  return 0
end
