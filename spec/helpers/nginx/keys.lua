-- For wrk: any of ten keys.
local count = 0

function request() -- luacheck: globals request
  count = count + 1
  return wrk.format("GET", "/key" .. count % 10) -- luacheck: globals wrk
end
