-- How long to wait before the next try to reach Corosync: longer each time, up to a limit, and not all programs at
-- once.
local backoff = {}

local FIRST, LONGEST = 0.1, 5 -- seconds

-- From 0 to 1, another for each seed and try, without touching what math.random gives the script.
local function scattered(seed, tries)
  return (seed * 0.6180339887 + tries * 0.7548776662) % 1
end

-- The seconds before the next try, after so many that failed. The seed is some number of the process's own.
function backoff.seconds(tries, seed)
  return math.min(FIRST * 2 ^ tries, LONGEST) * (0.5 + scattered(seed, tries) / 2)
end

return backoff
