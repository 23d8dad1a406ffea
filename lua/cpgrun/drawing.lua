-- Draws traces and histories as one page for a browser.
local data = require "cpgrun.drawing.data"
local json = require "cpgrun.json"
local page = require "cpgrun.drawing.page"
local reader = require "cpgrun.drawing.reader"

local drawing = {}

-- Whether the page can be written later: true, or nil and a message.
function drawing.check(path)
  local ok, message = pcall(json.encode, {})
  if not ok then
    return nil, ("cannot draw the page %s: %s"):format(path, message)
  end
  local file
  file, message = io.open(path, "a")
  if not file then
    return nil, "cannot write the drawing: " .. message
  end
  return file:close()
end

local function write(path, text)
  local file, message = io.open(path, "w")
  local ok = file ~= nil
  if file then
    ok, message = file:write(text)
    local closed, why = file:close()
    if ok and not closed then
      ok, message = nil, why
    end
  end
  if not ok then
    return nil, "cannot write the drawing: " .. message
  end
  return true
end

-- `marks`: the checker's violations, if any. Returns the numbers of processes, of events, and of lines that are
-- not events; or nil and a message.
function drawing.write(paths, into, marks)
  local ok, message = drawing.check(into)
  if not ok then
    return nil, message
  end
  local processes, skipped = reader.read(paths)
  if not processes then
    return nil, skipped
  end
  local picture = data.of(processes, marks or {})
  -- A text that contains "</script>" would end the element.
  local encoded = json.encode(picture):gsub("<", "\\u003c")
  ok, message = write(into, page.before .. encoded .. page.after)
  return ok and #processes, ok and #picture.events.time or message, skipped
end

return drawing
