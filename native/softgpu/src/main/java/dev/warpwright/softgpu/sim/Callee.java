package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.Statement.Function;
import dev.warpwright.softgpu.sim.Statement.Variable;
import java.util.ArrayList;
import java.util.List;

/**
 * A function that is called with a frame. It has registers of its own, which each call of a lane
 * saves, and its parameters, results and local variables lie in the frame.
 */
final class Callee {
  /** Frames lie one behind the other and keep variables aligned. */
  private static final int ALIGNMENT = 16;

  /**
   * A register that holds the address of a place in the frame.
   *
   * @param slot the register
   * @param offset of the place
   */
  record Place(int slot, long offset) {}

  /** Registers, by number. */
  record Range(int from, int to) {
    int count() {
      return to - from;
    }

    /** First element of the one at a place. */
    int slot(int i) {
      return (from + i) * Warp.LANES;
    }
  }

  final Function function;
  final int[] parameters;
  final int[] results;

  /** First instruction. */
  int start;

  Range narrow = new Range(0, 0);
  Range wide = new Range(0, 0);
  Range predicates = new Range(0, 0);

  private final List<Place> places = new ArrayList<>();
  private int bytes;

  Callee(Function function) {
    this.function = function;
    parameters = function.parameters().stream().mapToInt(this::place).toArray();
    results = function.results().stream().mapToInt(this::place).toArray();
  }

  /** Gives a variable its place in the frame. */
  int place(Variable variable) {
    bytes = CodeBuilder.align(bytes, variable.align());
    int offset = bytes;
    bytes += (int) variable.bytes();
    return offset;
  }

  void add(Place place) {
    places.add(place);
  }

  List<Place> places() {
    return places;
  }

  /** Size of a frame; never 0, so that endless recursion ends. */
  int frameBytes() {
    return CodeBuilder.align(Math.max(bytes, 1), ALIGNMENT);
  }
}
