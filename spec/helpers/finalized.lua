-- Returns an object that is garbage at once unless it is kept, with a finalizer.
return function(finalizer)
  if newproxy then -- luacheck: ignore 113
    local proxy = newproxy(true) -- luacheck: ignore 113; Lua 5.1 and LuaJIT finalize no tables
    getmetatable(proxy).__gc = finalizer
    return proxy
  end
  return setmetatable({}, { __gc = finalizer })
end
