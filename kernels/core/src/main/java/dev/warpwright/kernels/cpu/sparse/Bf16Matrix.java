package dev.warpwright.kernels.cpu.sparse;

import static jdk.incubator.vector.VectorOperators.AND;
import static jdk.incubator.vector.VectorOperators.FMA;
import static jdk.incubator.vector.VectorOperators.LSHL;

import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.sparse.DenseMatrix;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/** BF16 weights in tiles. */
final class Bf16Matrix extends HalfMatrix {
  Bf16Matrix(HostDevice device, DenseMatrix matrix) {
    super(device, matrix);
  }

  @Override
  void multiply(int tile, float[] x, int xFrom, float[] out, int outFrom) {
    // What is read from a field is checked anew after every access to memory.
    MemorySegment words = this.words;
    long s1 = stream;
    long s2 = 2 * s1;
    long s3 = 3 * s1;
    int groups = groups();
    int lanes = Lanes.COUNT;
    long bytes = Lanes.INTS.vectorByteSize();
    IntVector upper = Lanes.upperHalf();
    FloatVector zero = FloatVector.zero(Lanes.FLOATS);
    FloatVector y0 = zero;
    FloatVector y1 = zero;
    FloatVector y2 = zero;
    FloatVector y3 = zero;
    long at = offset(tile, 0, WORDS);
    int k = xFrom;
    for (int g = 0; g < groups; g++) {
      FloatVector t0 = zero;
      FloatVector t1 = zero;
      FloatVector t2 = zero;
      FloatVector t3 = zero;
      for (int u = 0; u < GROUP; u += 2) {
        IntVector w0 = IntVector.fromMemorySegment(Lanes.INTS, words, at, Lanes.ORDER);
        IntVector w1 = IntVector.fromMemorySegment(Lanes.INTS, words, at + s1, Lanes.ORDER);
        IntVector w2 = IntVector.fromMemorySegment(Lanes.INTS, words, at + s2, Lanes.ORDER);
        IntVector w3 = IntVector.fromMemorySegment(Lanes.INTS, words, at + s3, Lanes.ORDER);
        at += bytes;
        FloatVector even = FloatVector.broadcast(Lanes.FLOATS, x[k++]);
        t0 = w0.lanewise(LSHL, 16).reinterpretAsFloats().lanewise(FMA, even, t0);
        t1 = w1.lanewise(LSHL, 16).reinterpretAsFloats().lanewise(FMA, even, t1);
        t2 = w2.lanewise(LSHL, 16).reinterpretAsFloats().lanewise(FMA, even, t2);
        t3 = w3.lanewise(LSHL, 16).reinterpretAsFloats().lanewise(FMA, even, t3);
        FloatVector odd = FloatVector.broadcast(Lanes.FLOATS, x[k++]);
        t0 = w0.lanewise(AND, upper).reinterpretAsFloats().lanewise(FMA, odd, t0);
        t1 = w1.lanewise(AND, upper).reinterpretAsFloats().lanewise(FMA, odd, t1);
        t2 = w2.lanewise(AND, upper).reinterpretAsFloats().lanewise(FMA, odd, t2);
        t3 = w3.lanewise(AND, upper).reinterpretAsFloats().lanewise(FMA, odd, t3);
      }
      y0 = y0.add(t0);
      y1 = y1.add(t1);
      y2 = y2.add(t2);
      y3 = y3.add(t3);
    }
    y0.intoArray(out, outFrom);
    y1.intoArray(out, outFrom + lanes);
    y2.intoArray(out, outFrom + 2 * lanes);
    y3.intoArray(out, outFrom + 3 * lanes);
  }

  @Override
  void decode(int tile, int number, float[] into, int at, int scales) {
    IntVector upper = Lanes.upperHalf();
    long bytes = Lanes.INTS.vectorByteSize();
    long from = offset(tile, number, WORDS);
    for (int v = 0; v < VECTORS; v++) {
      for (int word = 0; word < WORDS; word++) {
        IntVector w =
            IntVector.fromMemorySegment(
                Lanes.INTS, words, from + v * stream + word * bytes, Lanes.ORDER);
        int even = at + 2 * word * TILE + v * Lanes.COUNT;
        w.lanewise(LSHL, 16).reinterpretAsFloats().intoArray(into, even);
        w.lanewise(AND, upper).reinterpretAsFloats().intoArray(into, even + TILE);
      }
    }
  }
}
