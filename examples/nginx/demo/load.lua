-- For wrk: reads ten keys, and prints the numbers of requests a second, of hits in a thousand and of failures.
local threads, requests = {}, 0
hits, failures = 0, 0

function setup(thread)
  threads[#threads + 1] = thread
end

function request()
  requests = requests + 1
  return wrk.format("GET", "/key" .. requests % 10)
end

function response(status, headers)
  hits = hits + (headers["X-Cache"] == "hit" and 1 or 0)
  failures = failures + (status == 200 and 0 or 1)
end

local function sum(name)
  local total = 0
  for _, thread in ipairs(threads) do
    total = total + thread:get(name)
  end
  return total
end

function done(summary)
  local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(("load %.0f %.0f %d\n"):format(summary.requests / summary.duration * 1e6,
    sum "hits" / math.max(summary.requests, 1) * 1000, sum "failures" + errors))
end
