select
    day,
    zone,
    count(*) as rides,
    count(*) filter (where hour(timezone('Europe/Berlin', picked_up)) >= 22) as night_rides,
    sum(fare) as fares,
    max(fare) as highest_fare
from rides
group by all
