package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.SlotArray;

/** What happens to the numbers beside a slot when the slot is written or moved. */
final class SlotNumbers {
  private SlotNumbers() {}

  /** Gives all numbers beside a slot their initial values. */
  static void reset(KvPool pool, int page, int slot) {
    for (int i = 0; i < pool.arrayCount(); i++) {
      SlotArray array = pool.array(i);
      Tensor numbers = array.tensor();
      for (int j = 0; j < array.width(); j++) {
        numbers.setFloat(array.at(page, slot) + j, array.initial());
      }
    }
  }

  /** Copies all numbers beside a slot. */
  static void copy(KvPool pool, int fromPage, int fromSlot, int toPage, int toSlot) {
    for (int i = 0; i < pool.arrayCount(); i++) {
      SlotArray array = pool.array(i);
      Tensor numbers = array.tensor();
      for (int j = 0; j < array.width(); j++) {
        numbers.setFloat(
            array.at(toPage, toSlot) + j, numbers.getFloat(array.at(fromPage, fromSlot) + j));
      }
    }
  }
}
