package dev.warpwright.tornado.attention;

import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.DoubleArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.ShortArray;

/**
 * The sums over elements that {@link MergeSimilarKvTornado} needs, in double and in the order of
 * the formula, for up to some number of slots: products of neighbouring keys, distances of the keys
 * of sets from their pivots', and weighted means.
 */
final class MergeKernel {
  /** Slots and elements of a head; then the place of each slot. */
  static final int PLACES = 2;

  /** Members of sets, sets, elements of a head; then the end of each set, and the members. */
  static final int MEMBERS = 3;

  final IntArray places;

  /** Scales of the key and of the value of each slot. */
  final FloatArray scales;

  /** For each slot the product of its key with the one before, and with itself. */
  final DoubleArray products;

  final IntArray slotPositions;

  /** Slots of members and of their pivots. */
  final IntArray members;

  final DoubleArray distances;

  /** Of the members; then the sum of each set's. */
  final DoubleArray weights;

  final FloatArray mergedKeys;
  final FloatArray mergedValues;
  final Program.Kernel compare;
  final Program.Kernel measure;
  final Program.Kernel merge;

  MergeKernel(KvPoolTornado pool, int slots) {
    places = Staged.ints(PLACES + (long) slots);
    scales = Staged.floats(pool.isScaled() ? 2L * slots : 0);
    products = Staged.doubles(2L * slots);
    slotPositions = Staged.ints(slots);
    members = Staged.ints(MEMBERS + 3L * slots);
    distances = Staged.doubles(slots);
    weights = Staged.doubles(2L * slots);
    // A set has at least two slots.
    long merged = (slots / 2) * (long) pool.spec().headDim();
    mergedKeys = Staged.floats(merged);
    mergedValues = Staged.floats(merged);
    KernelContext context = new KernelContext();
    Program program = pool.program();
    compare =
        program.add(
            "compareKeys",
            List.of(places, scales),
            List.of(products, slotPositions),
            false,
            List.of(
                graph ->
                    graph.task(
                        Program.task(0),
                        MergeKernel::compareKeys,
                        context,
                        pool.type(),
                        places,
                        scales,
                        pool.keys().floats,
                        pool.keys().shorts,
                        pool.keys().bytes,
                        pool.positions(),
                        products,
                        slotPositions)));
    measure =
        program.add(
            "measureKeys",
            List.of(places, scales, members),
            List.of(distances),
            false,
            List.of(
                graph ->
                    graph.task(
                        Program.task(0),
                        MergeKernel::measureKeys,
                        context,
                        pool.type(),
                        places,
                        scales,
                        members,
                        pool.keys().floats,
                        pool.keys().shorts,
                        pool.keys().bytes,
                        distances)));
    merge =
        program.add(
            "mergeSlots",
            List.of(places, scales, members, weights),
            List.of(mergedKeys, mergedValues),
            false,
            List.of(
                graph ->
                    graph.task(
                        Program.task(0),
                        MergeKernel::mergeSlots,
                        context,
                        pool.type(),
                        places,
                        scales,
                        members,
                        weights,
                        pool.keys().floats,
                        pool.keys().shorts,
                        pool.keys().bytes,
                        pool.values().floats,
                        pool.values().shorts,
                        pool.values().bytes,
                        mergedKeys,
                        mergedValues)));
  }

  /** One work item a slot; the product of the first slot is its own. */
  static void compareKeys(
      KernelContext context,
      int type,
      IntArray places,
      FloatArray scales,
      FloatArray keys,
      ShortArray shortKeys,
      ByteArray byteKeys,
      IntArray positions,
      DoubleArray products,
      IntArray slotPositions) {
    int slot = context.globalIdx;
    int headDim = places.get(1);
    if (slot < places.get(0)) {
      int before = slot;
      if (slot > 0) {
        before = slot - 1;
      }
      float scaleBefore = 1;
      float scale = 1;
      if (type >= Elements.I8) {
        scaleBefore = scales.get(2 * before);
        scale = scales.get(2 * slot);
      }
      int first = places.get(PLACES + before) * headDim;
      int second = places.get(PLACES + slot) * headDim;
      double product = 0;
      double square = 0;
      for (int dim = 0; dim < headDim; dim++) {
        float a = Elements.get(type, keys, shortKeys, byteKeys, first + dim) * scaleBefore;
        float b = Elements.get(type, keys, shortKeys, byteKeys, second + dim) * scale;
        product += (double) a * (double) b;
        square += (double) b * (double) b;
      }
      products.set(2 * slot, product);
      products.set(2 * slot + 1, square);
      slotPositions.set(slot, positions.get(places.get(PLACES + slot)));
    }
  }

  /** One work item a member. */
  static void measureKeys(
      KernelContext context,
      int type,
      IntArray places,
      FloatArray scales,
      IntArray members,
      FloatArray keys,
      ShortArray shortKeys,
      ByteArray byteKeys,
      DoubleArray distances) {
    int member = context.globalIdx;
    int headDim = members.get(2);
    if (member < members.get(0)) {
      int at = MEMBERS + members.get(1) + 2 * member;
      int slot = members.get(at);
      int pivot = members.get(at + 1);
      float scale = 1;
      float pivotScale = 1;
      if (type >= Elements.I8) {
        scale = scales.get(2 * slot);
        pivotScale = scales.get(2 * pivot);
      }
      int first = places.get(PLACES + pivot) * headDim;
      int second = places.get(PLACES + slot) * headDim;
      double distance = 0;
      for (int dim = 0; dim < headDim; dim++) {
        float a = Elements.get(type, keys, shortKeys, byteKeys, first + dim) * pivotScale;
        float b = Elements.get(type, keys, shortKeys, byteKeys, second + dim) * scale;
        double difference = (double) a - (double) b;
        distance += difference * difference;
      }
      distances.set(member, distance);
    }
  }

  /** One work item an element of a set. */
  static void mergeSlots(
      KernelContext context,
      int type,
      IntArray places,
      FloatArray scales,
      IntArray members,
      DoubleArray weights,
      FloatArray keys,
      ShortArray shortKeys,
      ByteArray byteKeys,
      FloatArray values,
      ShortArray shortValues,
      ByteArray byteValues,
      FloatArray mergedKeys,
      FloatArray mergedValues) {
    int item = context.globalIdx;
    int sets = members.get(1);
    int headDim = members.get(2);
    if (item < sets * headDim) {
      int set = item / headDim;
      int dim = item - set * headDim;
      int begin = 0;
      if (set > 0) {
        begin = members.get(MEMBERS + set - 1);
      }
      double key = 0;
      double value = 0;
      for (int member = begin; member < members.get(MEMBERS + set); member++) {
        int slot = members.get(MEMBERS + sets + 2 * member);
        float keyScale = 1;
        float valueScale = 1;
        if (type >= Elements.I8) {
          keyScale = scales.get(2 * slot);
          valueScale = scales.get(2 * slot + 1);
        }
        int at = places.get(PLACES + slot) * headDim + dim;
        float k = Elements.get(type, keys, shortKeys, byteKeys, at) * keyScale;
        float v = Elements.get(type, values, shortValues, byteValues, at) * valueScale;
        key += weights.get(member) * (double) k;
        value += weights.get(member) * (double) v;
      }
      double total = weights.get(members.get(0) + set);
      mergedKeys.set(item, (float) (key / total));
      mergedValues.set(item, (float) (value / total));
    }
  }
}
