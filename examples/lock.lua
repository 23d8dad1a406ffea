-- One member at a time is on duty. When it ends or is cut off, the next one gets the lock.
--
--   cpgrun --lab 3 examples/lock.lua      then type:  kill_host(1)   restart(1)   partition({2},{1,3})   heal()
local duty, log = lock "duty", map "log"

local function serve()
  local held = duty:acquire { lost = function(reason)
    print("off duty: " .. reason)
    coroutine.wrap(serve)()
  end }
  if held then -- else the script ends
    print(("on duty, with token %d"):format(held.token))
    log:set("on duty since", os.date(), { holding = held })
  end
end

log:watch("", function(key, new) print(key, new) end)
coroutine.wrap(serve)()
