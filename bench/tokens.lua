-- Sends each token of a file once: `wrk -s tokens.lua URL -- FILE`. One thread; stops when the tokens are used up.
local requests = {}
local place = 0

function init(args)
   for token in io.lines(args[1]) do
      requests[#requests + 1] = wrk.format("GET", nil, { ["Authorization"] = "Bearer " .. token })
   end
end

function request()
   place = place + 1
   if place > #requests - 64 then
      -- The other connections may ask once more before the thread ends.
      wrk.thread:stop()
   end
   return requests[math.min(place, #requests)]
end
