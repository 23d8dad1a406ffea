-- Switches LuaJIT's compiler off, because compiled code calls no hooks, which the time limit of handlers needs. Under
-- the limit of memory allocations fail, which crashes compiled code in LuaJIT 2.1.0-beta3 of Debian 12. Hooks also stop
-- for good when one raises an error in a reader function of `load`: so `load` reads all pieces first.
jit.off()
jit.on = jit.off -- luacheck: ignore 122

local load_text = load

local function read_all(reader)
  local pieces = {}
  for piece in reader do
    if type(piece) ~= "string" and type(piece) ~= "number" then
      error("reader function must return a string", 0)
    elseif piece == "" then
      break
    end
    pieces[#pieces + 1] = piece
  end
  return table.concat(pieces)
end

function load(chunk, name, ...) -- luacheck: globals load
  if type(chunk) ~= "function" then
    return load_text(chunk, name, ...)
  end
  local ok, text = pcall(read_all, chunk)
  if not ok then
    return nil, text
  end
  return load_text(text, name or "=(load)", ...)
end

loadstring = load -- luacheck: globals loadstring load
