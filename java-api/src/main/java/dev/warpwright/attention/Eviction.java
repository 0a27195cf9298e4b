package dev.warpwright.attention;

/**
 * What an eviction did.
 *
 * @param slots slots that no sequence holds any more, over all layers and heads
 * @param pages pages that became free; less than 0 when copies of shared pages took more than that
 */
public record Eviction(long slots, int pages) {}
