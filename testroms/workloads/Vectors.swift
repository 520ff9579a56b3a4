// Workloads in SSE registers: n bodies in doubles, packed integers.

@_extern(c, "mix_vectors") private func mixVectors(_ block: UnsafeMutableRawPointer, _ rounds: Int)

/// A place and a speed in turn: the compiler would compute neighbours in pairs, and this is to be scalar code.
private struct Body {
  var x: Double
  var vx: Double
  var y: Double
  var vy: Double
  var z: Double
  var vz: Double
  var mass: Double
}

/// A heavy body in the middle, four on orbits around it.
func prepareBodies(_ memory: UnsafeMutableRawPointer) {
  let bodies = memory.bindMemory(to: Body.self, capacity: 5)
  bodies[0] = Body(x: 0, vx: 0, y: 0, vy: 0, z: 0, vz: 0, mass: 40)
  bodies[1] = Body(x: 5, vx: 0.5, y: -1, vy: 2.75, z: 0.125, vz: 0.0625, mass: 0.04)
  bodies[2] = Body(x: -8, vx: -0.875, y: 4, vy: -1.875, z: -0.25, vz: 0.03125, mass: 0.011)
  bodies[3] = Body(x: 13, vx: 1.0625, y: -15, vy: 0.9375, z: 0.5, vz: -0.09375, mass: 0.0017)
  bodies[4] = Body(x: -15, vx: -1, y: 26, vy: -0.5625, z: -1, vz: 0.046875, mass: 0.0021)
}

@inline(never)
private func advance(_ bodies: UnsafeMutablePointer<Body>, _ step: Double) {
  for first in 0..<5 {
    var second = first &+ 1
    while second < 5 {
      let dx = bodies[first].x - bodies[second].x
      let dy = bodies[first].y - bodies[second].y
      let dz = bodies[first].z - bodies[second].z
      let square = dx * dx + dy * dy + dz * dz
      let force = step / (square * square.squareRoot())
      let pull = bodies[second].mass * force
      bodies[first].vx -= dx * pull
      bodies[first].vy -= dy * pull
      bodies[first].vz -= dz * pull
      let push = bodies[first].mass * force
      bodies[second].vx += dx * push
      bodies[second].vy += dy * push
      bodies[second].vz += dz * push
      second &+= 1
    }
  }
  for index in 0..<5 {
    bodies[index].x += step * bodies[index].vx
    bodies[index].y += step * bodies[index].vy
    bodies[index].z += step * bodies[index].vz
  }
}

/// Positions after so many steps, bit by bit.
func nbody(_ memory: UnsafeMutableRawPointer) -> UInt64 {
  let bodies = memory.assumingMemoryBound(to: Body.self)
  for _ in 0..<400_000 { advance(bodies, 0.001953125) }
  return folded(memory, words: 35)
}

func prepareVectors(_ memory: UnsafeMutableRawPointer) {
  var random = Random(seed: 10)
  for index in 0..<512 { memory.storeBytes(of: random.next(), toByteOffset: index * 8, as: UInt64.self) }
}

func vectors(_ memory: UnsafeMutableRawPointer) -> UInt64 {
  mixVectors(memory, 36_000)
  return folded(memory, words: 512)
}
