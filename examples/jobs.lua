-- A queue of jobs for workers on all nodes. A job runs at most once, on one of them.
--
--   cpgrun --lab 3 examples/jobs.lua         then type:  1: mail alice   2: mail bob   kill_host(1)
--   cpgrun check examples/jobs.lua 0.2       each node adds a job every 0.2 s, under random faults
--
-- A worker takes a job by `replace`, which succeeds for one worker only. If a worker ends before its job does, the job
-- stays in the map with the worker's address, because it may have run: `cpgrun map jobs.jobs list` shows it. If jobs
-- may run twice, put it back.
local jobs = map "jobs"
local is_busy, added = false, 0

-- The key is never used again. It begins with the time, so the oldest job comes first.
local function add(text)
  added = added + 1
  local id = ("%d %s %06d"):format(os.time(), tostring(group:address()), added)
  local ok, problem = jobs:set(id, { text = text })
  if not ok then print(("cannot add '%s': %s"):format(text, problem)) end
end

local function first()
  for id, job in jobs:each() do
    if not job.worker then return id, job end
  end
end

local function run(id, job)
  check.unique("job", id)
  print("begins " .. job.text)
  sleep(0.1)
  print("ends   " .. job.text)
  jobs:delete(id)
end

-- Takes one job after another. After a failure `periodically` tries again.
local function work()
  if is_busy then return end
  is_busy = true
  for id, job in first do
    local ok, problem, code = jobs:replace(id, job, { text = job.text, worker = tostring(group:address()) })
    if ok then
      run(id, job)
    elseif code ~= "not_equal" then -- else another worker was first
      print(problem)
      break
    end
  end
  is_busy = false
end

jobs:watch("", function() coroutine.wrap(work)() end)
periodically(1, work)
if arg[1] then periodically(tonumber(arg[1]), function() add "a test" end) end

function line_received(text)
  if text and text ~= "settle" then coroutine.wrap(add)(text) end
end
