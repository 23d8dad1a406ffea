-- LuaJIT calls no hook in compiled code, nor any more once a hook's error has left a function that `load` asks for the
-- pieces of a chunk: so nothing is compiled, and the pieces are gathered first.
jit.off()
jit.on = jit.off -- luacheck: ignore 122

local load_text = load

local function gather(reader)
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
  local ok, text = pcall(gather, chunk)
  if not ok then
    return nil, text
  end
  return load_text(text, name or "=(load)", ...)
end

loadstring = load -- luacheck: globals loadstring load
