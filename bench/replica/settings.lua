-- What all parts of the benchmark share.
local function environment(path, cpath)
  return { LUA_PATH = os.getenv(path), LUA_CPATH = os.getenv(cpath) }
end

return {
  pairs = tonumber(os.getenv "PAIRS") or 5,
  storage = os.getenv "STORAGE",
  nodes = 3,
  size = 64, -- bytes of a command or message
  limit = 120, -- seconds; a longer wait has failed
  luas = {
    { name = "Lua 5.4", command = "lua5.4", environment = environment("LUA_PATH", "LUA_CPATH") },
    { name = "LuaJIT", command = "luajit", environment = environment("JIT_PATH", "JIT_CPATH") },
  },
}
