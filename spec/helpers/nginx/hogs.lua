-- Timers of an application that run for long. nginx runs only so many at the same time.
local hogs = {}

local function run()
  while not ngx.worker.exiting() and not ngx.shared.counts:get "released" do ngx.sleep(0.1) end
end

function hogs.start(count)
  for _ = 1, count do assert(ngx.timer.at(0, run)) end
end

-- Takes every timer that is free.
function hogs.take_all()
  assert(ngx.timer.every(0.005, run))
end

return hogs
