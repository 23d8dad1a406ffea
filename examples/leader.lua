-- A leader: the lowest member. All members agree, because they see the same configurations in the same order.
--
--   cpgrun --lab 3 examples/leader.lua    then type:  kill_host(1)  or:  kill(1)
local leader

function config_change(members)
  local lowest = members[1]
  for _, address in ipairs(members) do
    if address < lowest then
      lowest = address
    end
  end
  if lowest ~= leader then
    leader = lowest
    if leader == group:address() then
      print("I lead")
    elseif leader then
      print(("%s leads"):format(tostring(leader)))
    end
  end
end

-- Corosync has stopped on this node; the other members continue without it.
function disconnected()
  leader = nil
  print("I follow nobody")
end
