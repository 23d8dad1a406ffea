-- Protects against DNS rebinding: another site resolves its own name to an address of this machine, so that its page
-- could read the status in a local user's browser. The browser sends that name, so names other than "localhost" are
-- refused.

local function is_address(host)
  return host:find "^%d+%.%d+%.%d+%.%d+$" ~= nil or host:find "^%[[%x:.]+%]$" ~= nil
end

-- Returns a function that tells whether a request with this header "Host" is allowed. `where`: from `listener.parse`;
-- browsers cannot reach a unix socket.
return function(where)
  return function(header)
    local host = (header or ""):lower():gsub(":%d+$", "")
    return where.path ~= nil or host == "localhost" or is_address(host)
  end
end
